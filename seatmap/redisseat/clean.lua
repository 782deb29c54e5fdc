-- ARGV: 3 life of an event that was removed, 4 cursor, '0' at first. It lets the answers to the
-- keys of its holds and bookings end, some in each call, and answers with the next cursor,
-- '0' at the end. A scan that began again would pass by all that is deleted already.
local garbage = ofLife('g', ARGV[3])
local scan = call('HSCAN', garbage, ARGV[4], 'COUNT', 500)
local found = scan[2]
for i = 1, #found, 2 do
  local r = record(found[i + 1])
  if r.key ~= '' then forgetLater(r.key, '1') end
  call('HDEL', garbage, found[i])
end
return {'ok', scan[1]}
