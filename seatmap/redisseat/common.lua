-- KEYS: 1 event (hash), 2 seats (string), 3 records (hash of fence), 4 deadlines (sorted
-- set), 5 users (hash), 6 answer of the request's key, or that of the event if it has none.
-- The names of its stream and layout have the event's life in them.
-- ARGV: 1 life that the client knows, or '' for any, 2 print of the request, then the
-- method's own.
local E, S, R, D, U, A = unpack(KEYS)
local keyMemory = 600000
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
-- text writes a number where Lua or the client needs its digits: commands and answers take
-- numbers, which is faster.
local function text(n) return string.format('%.0f', n) end
local meta = redis.call('HMGET', E, 'life', 'rev', 'free', 'count', 'seats', 'holds', 'lifetime', 'ring', 'version', 'held')
local life, rev = meta[1], tonumber(meta[2])
local free, count, held = tonumber(meta[3]), tonumber(meta[4]), tonumber(meta[10])
local base = string.sub(E, 1, string.find(E, '}', 1, true))
local name = string.sub(E, #base + 3)
-- ofLife returns the name of a key that belongs to one life of the event.
local function ofLife(kind, l) return base .. kind .. ':' .. l .. ':' .. name end
local stream, blob = ofLife('w', life or ''), ofLife('l', life or '')

-- step counts a change and returns its revision, which is not below the server's time.
local function step()
  local before = rev
  rev = math.max(rev + 1, now)
  redis.call('HSET', E, 'rev', rev, 'free', free, 'held', held)
  return before
end

-- changed tells a change; from is the fence that the seats had before, if they had another.
local function changed(kind, r, seats, untl, from)
  local before = step()
  redis.call('XADD', stream, 'MAXLEN', '~', meta[8], text(rev) .. '-0', 'p', before, 'k', kind,
    'u', r.user, 's', seats, 'f', r.fence, 'a', r.at, 't', untl, 'n', now, 'o', from or 0)
end

local function load(fence)
  local raw = redis.call('HGET', R, fence)
  return raw and cmsgpack.unpack(raw)
end

local function save(r) redis.call('HSET', R, r.fence, cmsgpack.pack(r)) end

-- each calls f with each index of a list, which has 4 bytes for each.
local function each(list, f)
  for i = 1, #list, 4 do
    local a, b, c, d = string.byte(list, i, i + 3)
    if f(((a * 256 + b) * 256 + c) * 256 + d) then return true end
  end
end

local function cell(i) return redis.call('GETRANGE', S, i * 9, i * 9 + 8) end

local function set(list, state, fence)
  local word = state .. struct.pack('>I8', fence)
  each(list, function(i) redis.call('SETRANGE', S, i * 9, word) end)
end

-- owns adds to what a user has: seats, and a hold of that fence if sign is not 0.
local function owns(user, n, fence, sign)
  local raw = redis.call('HGET', U, user)
  local u = raw and cmsgpack.unpack(raw) or {n = 0, holds = {}}
  u.n = u.n + n
  if sign > 0 then u.holds[#u.holds + 1] = fence end
  if sign < 0 then
    for i, f in ipairs(u.holds) do
      if f == fence then table.remove(u.holds, i) break end
    end
  end
  if u.n == 0 and #u.holds == 0 then redis.call('HDEL', U, user)
  else redis.call('HSET', U, user, cmsgpack.pack(u)) end
end

-- over forgets a record that has no seats any more.
local function over(r)
  redis.call('HDEL', R, r.fence)
  if r.untl > 0 then
    redis.call('ZREM', D, r.fence)
    owns(r.user, 0, r.fence, -1)
  end
  if r.key ~= '' then redis.call('PEXPIRE', r.key, keyMemory) end
end

-- detach takes a part from a record.
local function detach(r, part)
  if part == r.seats then over(r) return end
  local gone, rest = {}, {}
  each(part, function(i) gone[i] = true end)
  for i = 1, #r.seats, 4 do
    local one = string.sub(r.seats, i, i + 3)
    each(one, function(n) if not gone[n] then rest[#rest + 1] = one end end)
  end
  if #rest == 0 then over(r) return end
  r.seats = table.concat(rest)
  save(r)
end

local function vacate(r, part, kind)
  local n, untl = #part / 4, r.untl
  set(part, '.', 0)
  free = free + n
  if untl > 0 then held = held - n end
  owns(r.user, -n, 0, 0)
  detach(r, part)
  changed(kind, r, part, untl)
end

-- sweep ends the holds that are due and reports whether some are left, for a next call.
local function sweep()
  local due = redis.call('ZRANGEBYSCORE', D, '-inf', now, 'LIMIT', 0, 101)
  for i = 1, math.min(#due, 100) do
    local r = load(due[i])
    if r then vacate(r, r.seats, 'Expired') else redis.call('ZREM', D, due[i]) end
  end
  return #due > 100
end

-- hold returns a record as an answer.
local function hold(tag, r)
  return {tag, r.fence, r.user, r.at, r.untl, r.seats, now}
end

-- repeated returns the answer to the request's key, if it has one.
local function repeated()
  if A == E then return nil end
  local raw = redis.call('GET', A)
  if not raw then return nil end
  local a = cmsgpack.unpack(raw)
  if a.print ~= ARGV[2] then return {'reused', a.print} end
  return hold('again', a)
end

-- remember keeps an answer; ms is how long, 0 for until the record that has the key ends.
local function remember(r, ms)
  if A == E then return end
  local a = {print = ARGV[2], fence = r.fence, user = r.user, at = r.at, untl = r.untl, seats = r.seats}
  redis.call('SET', A, cmsgpack.pack(a))
  if ms > 0 then redis.call('PEXPIRE', A, ms) end
end

local receipt = {fence = 0, user = '', at = 0, untl = 0, seats = ''}
