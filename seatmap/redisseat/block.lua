-- ARGV: 3 user, 4 time in microseconds, 5 seats, 6 'all' to list all taken seats, 7 the
-- revision that the seats were chosen at, or ''
local again = repeated()
if again then return again end
local user, ttl, list = ARGV[3], tonumber(ARGV[4]), ARGV[5]
if ARGV[7] ~= '' and ARGV[7] ~= text(rev) then return {'stale'} end
local taken
for p = 1, #list, 4 do
  local i = unpack('>I4', list, p)
  local at = text(i * 9)
  if redis.call('GETRANGE', S, at, at) ~= '.' then
    taken = taken or {}
    taken[#taken + 1] = text(i)
    if ARGV[6] ~= 'all' then break end
  end
end
if taken then
  if free == 0 then return {'soldout'} end
  return {'taken', taken}
end
if lifetime > 0 and ttl > lifetime then return {'lifetime'} end
local n = #list / 4
if mostSeats > 0 or mostHolds > 0 then
  local had = has(user)
  if mostSeats > 0 and unpack('>I8', had) + n > mostSeats then return {'limit'} end
  if mostHolds > 0 and #had / 8 > mostHolds then return {'limit'} end
end
free, held = free - n, held + n
local r = {fence = math.max(rev + 1, now), user = user, at = now, untl = now + ttl, seats = list,
  key = A ~= E and A or '', changed = 0}
set(list, 'h', r.fence)
save(r)
redis.call('ZADD', D, text(r.untl), text(r.fence))
owns(user, n, r.fence, 1)
remember(r)
changed('Blocked', r, list, r.untl)
return hold('ok', r)
