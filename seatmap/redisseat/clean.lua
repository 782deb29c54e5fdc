-- ARGV: 3 life of an event that was removed. It lets the answers to the keys of its holds
-- and bookings end, some in each call.
local garbage = ofLife('g', ARGV[3])
local found = redis.call('HSCAN', garbage, 0, 'COUNT', 500)[2]
for i = 1, #found, 2 do
  local r = record(found[i + 1])
  if r.key ~= '' then redis.call('PEXPIRE', r.key, '1') end
  redis.call('HDEL', garbage, found[i])
end
if redis.call('EXISTS', garbage) == 1 then return {'more'} end
return {'ok'}
