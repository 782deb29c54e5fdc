-- KEYS: 1 the secret. ARGV: 1 a secret that was drawn, 2 what the names of an event's keys begin
-- with, 3 the key that says who sweeps.
if string.format('%d', 2^40) ~= '1099511627776' then -- as fences are written
  return redis.error_reply('ERR the server has 32 bits')
end
-- A script that is refused one command has carried out those before. So the user must be allowed
-- all that scripts use. Redis 6 cannot be asked.
local function must(...)
  if not redis.acl_check_cmd(...) then
    return error({err = 'NOPERM the user must be allowed to run ' .. table.concat({...}, ' ')})
  end
end
if redis.acl_check_cmd then
  local e, w = ARGV[2] .. 'e:', ARGV[2] .. 'w:'
  for _, one in ipairs({'GET', 'HLEN', 'XLEN', 'STRLEN', 'PERSIST', 'UNLINK', 'EXISTS'}) do must(one, e) end
  for _, one in ipairs({'HGET', 'HDEL', 'HMGET', 'HSCAN', 'ZREM', 'PEXPIRE', 'SET'}) do must(one, e, '0') end
  for _, one in ipairs({'HSET', 'GETRANGE', 'SETRANGE', 'ZADD', 'ZRANGEBYSCORE'}) do must(one, e, '0', '0') end
  must('XADD', w, '*', 'a', 'b')
  must('XREAD', 'STREAMS', w, '0')
  must('RENAME', e, w)
  must('TIME')
  for _, kind in ipairs({'e', 's', 'r', 'd', 'u', 'k', 'w', 'l', 'g', 'tl', 'ts', 'tr', 'td', 'tu'}) do
    must('SET', ARGV[2] .. kind .. ':', 'x', 'GET') -- which reads and writes
  end
  must('SET', ARGV[2] .. 'due', 'x', 'GET')
  must('SET', ARGV[3], 'x') -- see sweepOn
end
redis.call('PERSIST', KEYS[1]) -- a replica refuses this, and a server that is out of memory does not
local secret = redis.call('GET', KEYS[1])
if secret then return secret end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
