-- ARGV: 1 '', 2 print, 3 life, 4 layout, 5 seats in their states, each empty if it was
-- uploaded, 6 how many, 7 available, 8 to 10 limits, 11 length of the stream, 12 not for
-- sale; of an event that is imported also 13 held, 14 its last fence or revision, 15 what its tokens
-- were made with, 16 which other keys were uploaded, 17 the name of the answer to its
-- Create or '', 18 the print of that
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
local uploads = ARGV[16] or ''
for i = 1, #uploads do
  if redis.call('EXISTS', ofLife('t' .. sub(uploads, i, i), ARGV[3])) == 0 then return {'upload'} end
end
if not put(ofLife('l', ARGV[3]), ARGV[4], ofLife('tl', ARGV[3])) then return {'upload'} end
if not put(S, ARGV[5], ofLife('ts', ARGV[3])) then return {'upload'} end
for i = 1, #uploads do
  local kind = sub(uploads, i, i)
  put(({r = R, d = D, u = U})[kind], '', ofLife('t' .. kind, ARGV[3]))
end
rev = math.max(now, tonumber(ARGV[14] or 0))
index() -- an import has holds
redis.call('HSET', E, 'version', '2', 'life', ARGV[3], 'fixed', pack('>I8I8I8I8I8', ARGV[6], ARGV[8], ARGV[9], ARGV[10], ARGV[11]),
  'state', pack('>I8I8I8I8', rev, ARGV[7], ARGV[13] or 0, entry), 'stream', ofLife('w', ARGV[3]),
  'closed', ARGV[12], 'key', ARGV[17] or (A ~= E and A or ''))
if ARGV[15] then redis.call('HSET', E, 'former', ARGV[15]) end
if ARGV[17] and ARGV[17] ~= '' then redis.call('SET', ARGV[17], cmsgpack.pack(ARGV[18], 0, '', 0, 0, '')) end
remember()
return {'ok', text(rev)}
