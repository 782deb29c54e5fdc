-- ARGV: 3 user, 4 time in microseconds, 5 seats, 6 'all' to list all taken seats, 7 the
-- revision that the seats were chosen at, or ''
local again = repeated()
if again then return again end
local user, ttl, list = ARGV[3], tonumber(ARGV[4]), ARGV[5]
if ARGV[7] ~= '' and ARGV[7] ~= text(rev) then return {'stale'} end
local taken = {}
each(list, function(i)
  if string.byte(cell(i)) ~= 46 then
    taken[#taken + 1] = text(i)
    return ARGV[6] ~= 'all'
  end
end)
if #taken > 0 then
  if free == 0 then return {'soldout'} end
  return {'taken', taken}
end
local seats, holds, lifetime = tonumber(meta[5]), tonumber(meta[6]), tonumber(meta[7])
if lifetime > 0 and ttl > lifetime then return {'lifetime'} end
local n = #list / 4
if seats > 0 or holds > 0 then
  local raw = redis.call('HGET', U, user)
  local u = raw and cmsgpack.unpack(raw) or {n = 0, holds = {}}
  if seats > 0 and u.n + n > seats or holds > 0 and #u.holds + 1 > holds then return {'limit'} end
end
free, held = free - n, held + n
local r = {fence = math.max(rev + 1, now), user = user, at = now, untl = now + ttl, seats = list,
  key = A ~= E and A or ''}
set(list, 'h', r.fence)
save(r)
redis.call('ZADD', D, r.untl, r.fence)
owns(user, n, r.fence, 1)
remember(r, 0)
changed('Blocked', r, list, r.untl)
return hold('ok', r)
