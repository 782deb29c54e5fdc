-- ARGV: 1 '', 2 print, 3 life, 4 layout, 5 seats in their states, each
-- empty if it was uploaded, 6 how many, 7 available, 8
-- to 10 limits, 11 length of the stream
local again = repeated()
if again then return again end
if life then return {'exists'} end
-- put gives a key its bytes, or those that were uploaded.
local function put(key, bytes, upload)
  if bytes == '' then
    if redis.call('EXISTS', upload) == 0 then return false end
    redis.call('RENAME', upload, key)
    redis.call('PERSIST', key)
  else redis.call('SET', key, bytes) end
  return true
end
if not put(ofLife('l', ARGV[3]), ARGV[4], ofLife('tl', ARGV[3])) then return {'upload'} end
if not put(S, ARGV[5], ofLife('ts', ARGV[3])) then return {'upload'} end
redis.call('HSET', E, 'version', '2', 'life', ARGV[3], 'fixed', pack('>I8I8I8I8I8', ARGV[6], ARGV[8], ARGV[9], ARGV[10], ARGV[11]),
  'state', pack('>I8I8I8', now, ARGV[7], 0), 'stream', ofLife('w', ARGV[3]),
  'closed', text(ARGV[6] - ARGV[7]), 'key', A ~= E and A or '')
remember()
return {'ok'}
