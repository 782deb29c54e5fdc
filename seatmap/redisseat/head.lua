-- What all methods about an event that exists begin with.
if not life then return {'unknown'} end
if meta[1] ~= '2' then return {'version', meta[1] or ''} end
if ARGV[1] ~= '' and ARGV[1] ~= life then return {'life', life} end
-- So a key of another type is an error before anything has changed.
redis.call('HLEN', R)
redis.call('HLEN', U)
redis.call('XLEN', stream)
if redis.call('STRLEN', S) ~= count * 9 then return {'damaged'} end
-- The holds that are due end, up to 100 in each call.
local due = redis.call('ZRANGEBYSCORE', D, '-inf', nowText, 'LIMIT', '0', '101')
if #due > 0 then
  local _, vacate = taking()
  for i = 1, math.min(#due, 100) do
    local r = load(due[i])
    if r then vacate(r, r.seats, 'Expired') else redis.call('ZREM', D, due[i]) end
  end
  if #due > 100 then return {'more'} end
end
