-- What all methods about an event that exists begin with.
if not life then return {'unknown'} end
if meta[9] ~= '1' then return {'version', meta[9] or ''} end
if ARGV[1] ~= '' and ARGV[1] ~= life then return {'life', life} end
-- So a key of another type is an error before anything has changed.
redis.call('HLEN', R)
redis.call('HLEN', U)
redis.call('XLEN', stream)
if redis.call('STRLEN', S) ~= count * 9 then return {'damaged'} end
if sweep() then return {'more'} end
