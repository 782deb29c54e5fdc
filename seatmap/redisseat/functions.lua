-- text writes a whole number. Commands would take numbers as well, but write them as those
-- with a point, which takes five times as long. Answers take numbers. Most numbers are the
-- time: fences and revisions are not below it.
local function text(n)
  if n == now then return nowText end
  return format('%d', n)
end

-- ofLife returns the name of a key that belongs to one life of the event.
local function ofLife(kind, l)
  local brace = string.find(E, '}', 1, true)
  return sub(E, 1, brace) .. kind .. ':' .. l .. ':' .. sub(E, brace + 3)
end

-- index puts the event into the index of its bucket for the time at which the first of its
-- holds ends, or takes it out if it has none. It must not end the script in the middle if the index
-- is of another type, or on the other node while the slot of a cluster moves: then the event is not
-- in it until its next change, and only Sweep does not find it.
local function index()
  local brace = string.find(E, '}', 1, true)
  local first = call('ZRANGEBYSCORE', D, '-inf', '+inf', 'WITHSCORES', 'LIMIT', '0', '1')[2]
  entry = 0
  if not first then redis.pcall('ZREM', sub(E, 1, brace) .. 'due', sub(E, brace + 3))
  elseif type(redis.pcall('ZADD', sub(E, 1, brace) .. 'due', first, sub(E, brace + 3))) == 'number' then entry = tonumber(first) end
end

-- changed counts and tells a change, whose revision is not below the server's time. From is
-- the fence that the seats had before, if they had another.
local function changed(kind, r, seats, untl, from)
  local before = text(rev)
  rev = math.max(rev + 1, now)
  if entry == 0 and held > 0 then index() end
  call('HSET', E, 'state', pack('>I8I8I8I8', rev, free, held, entry))
  call('XADD', stream, 'MAXLEN', '~', text(ring), text(rev), 'p', before, 'k', kind,
    'u', r.user, 's', seats, 'f', text(r.fence), 'a', text(r.at), 't', text(untl), 'n', nowText, 'o', from and text(from) or '0')
end

-- forgetLater lets the answer of another request end. While the slot of a cluster moves, its key may
-- be on the other node already, which is an error: it must not end the script in the middle. The
-- answer stays there then.
local function forgetLater(key, time)
  redis.pcall('PEXPIRE', key, time)
end

-- A record is a hold or booking: its fence, user, time, deadline or 0, seats, the name of
-- its answer or '', and the revision at which it was extended or 0.
local function record(raw)
  local r = {}
  r.fence, r.user, r.at, r.untl, r.seats, r.key, r.changed = cmsgpack.unpack(raw)
  return r
end

local function load(fence)
  local raw = call('HGET', R, fence)
  return raw and record(raw)
end

local function save(r)
  call('HSET', R, text(r.fence), cmsgpack.pack(r.fence, r.user, r.at, r.untl, r.seats, r.key, r.changed))
end

-- set sets the states of seats, 9 bytes each.
local function set(list, state, fence)
  local word = pack('>c1I8', state, fence)
  for p = 1, #list, 4 do call('SETRANGE', S, text(unpack('>I4', list, p) * 9), word) end
end

-- What a user has is the number of seats and the fences of the holds, 8 bytes each.
local function has(user)
  return call('HGET', U, user) or '\0\0\0\0\0\0\0\0'
end

-- owns adds to what a user has: seats, and a hold of that fence if sign is not 0.
local function owns(user, n, fence, sign)
  local had = has(user)
  local seats, holds = unpack('>I8', had) + n, sub(had, 9)
  if sign > 0 then
    call('HSET', U, user, pack('>I8c0I8', seats, holds, fence))
    return
  end
  if sign < 0 then
    local gone = pack('>I8', fence)
    for p = 1, #holds, 8 do
      if sub(holds, p, p + 7) == gone then
        holds = sub(holds, 1, p - 1) .. sub(holds, p + 8)
        break
      end
    end
  end
  if seats == 0 and holds == '' then call('HDEL', U, user)
  else call('HSET', U, user, pack('>I8', seats) .. holds) end
end

-- taking returns two functions that take seats from records.
local function taking()
  -- over forgets a record that has no seats any more.
  local function over(r)
    call('HDEL', R, text(r.fence))
    if r.untl > 0 then
      call('ZREM', D, text(r.fence))
      owns(r.user, 0, r.fence, -1)
    end
    if r.key ~= '' then forgetLater(r.key, keyMemory) end
  end

  -- detach takes a part from a record.
  local function detach(r, part)
    if part == r.seats then over(r) return end
    local gone, rest = {}, {}
    for p = 1, #part, 4 do gone[sub(part, p, p + 3)] = true end
    for p = 1, #r.seats, 4 do
      local one = sub(r.seats, p, p + 3)
      if not gone[one] then rest[#rest + 1] = one end
    end
    if #rest == 0 then over(r) return end
    r.seats = table.concat(rest)
    save(r)
  end

  local function vacate(r, part, kind)
    local n, untl = #part / 4, r.untl
    -- A server that is out of memory refuses what may need some, but not in a script that has written.
    -- Seats can be given back then, which frees some, since this needs none.
    call('ZREM', D, '')
    set(part, '.', 0)
    free = free + n
    if untl > 0 then held = held - n end
    owns(r.user, -n, 0, 0)
    detach(r, part)
    changed(kind, r, part, untl)
  end
  return detach, vacate
end

-- hold returns a record as an answer. The mark is that of an answer that was imported, or nil;
-- see former.go.
local function hold(tag, r)
  return {tag, r.fence, r.user, r.at, r.untl, r.seats, now, r.mark}
end

-- repeated returns the answer to the request's key, if it has one.
local function repeated()
  if A == E then return nil end
  local raw = call('GET', A)
  if not raw then return nil end
  local a, print = {}
  print, a.fence, a.user, a.at, a.untl, a.seats, a.mark = cmsgpack.unpack(raw)
  if print ~= ARGV[2] then return {'reused', print} end
  return hold('again', a)
end

-- remember keeps the answer to the request's key, if it has one, for keyMemory if brief is
-- set, or else until the record that has the key ends. Without a record the answer is that
-- the request was carried out.
local function remember(r, brief)
  if A == E then return end
  if r then call('SET', A, cmsgpack.pack(ARGV[2], r.fence, r.user, r.at, r.untl, r.seats))
  else call('SET', A, cmsgpack.pack(ARGV[2], 0, '', 0, 0, '')) end
  if brief then call('PEXPIRE', A, keyMemory) end
end
