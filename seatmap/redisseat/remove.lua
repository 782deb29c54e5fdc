local again = repeated()
if again then return again end
if not life then return {'unknown'} end
for _, raw in ipairs(redis.call('HVALS', R)) do
  local r = cmsgpack.unpack(raw)
  if r.key ~= '' then redis.call('PEXPIRE', r.key, 1) end
end
local key = redis.call('HGET', E, 'key')
if key and key ~= '' then redis.call('PEXPIRE', key, keyMemory) end
changed('Removed', receipt, '', 0)
redis.call('PEXPIRE', stream, 60000)
redis.call('UNLINK', E, S, R, D, U, blob)
remember(receipt, keyMemory)
return {'ok'}
