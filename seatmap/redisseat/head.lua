-- What all methods about an event that exists begin with.
if not life then return {'unknown'} end
if meta[1] ~= '2' then return {'version', meta[1] or ''} end
if ARGV[1] ~= '' and ARGV[1] ~= life then return {'life', life} end
-- So a key of another type is an error before anything has changed.
call('HLEN', R)
call('HLEN', U)
call('XLEN', stream)
if call('STRLEN', S) ~= count * 9 then return {'damaged'} end
-- The holds that are due end, up to 100 in each call.
local ended, due = 0, call('ZRANGEBYSCORE', D, '-inf', nowText, 'LIMIT', '0', '101')
