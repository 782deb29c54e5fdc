-- ARGV: 3 life that the event will have, 4 kind: 'records', 'users', 'answers' or 'forget', 5
-- on what is added. A repetition adds the same again. Records and users are forgotten
-- unless the event is created. So are answers that have a time left. The others belong to
-- records, with which they end; if the event is not created, the client forgets them.
local kind, records, due, users = ARGV[4], ofLife('tr', ARGV[3]), ofLife('td', ARGV[3]), ofLife('tu', ARGV[3])
if kind == 'records' then -- fence, user, time, deadline, seats, answer
  for i = 5, #ARGV, 6 do
    local fence, untl = ARGV[i], tonumber(ARGV[i + 3])
    redis.call('HSET', records, fence, cmsgpack.pack(tonumber(fence), ARGV[i + 1], tonumber(ARGV[i + 2]), untl, ARGV[i + 4], ARGV[i + 5], 0))
    if untl > 0 then redis.call('ZADD', due, ARGV[i + 3], fence) end
  end
  redis.call('PEXPIRE', records, keyMemory)
  redis.call('PEXPIRE', due, keyMemory)
elseif kind == 'users' then -- user, what the user has
  for i = 5, #ARGV, 2 do redis.call('HSET', users, ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', users, keyMemory)
elseif kind == 'answers' then -- name, milliseconds left or '', print, fence, user, time, deadline, seats, mark
  for i = 5, #ARGV, 9 do
    local answer = cmsgpack.pack(ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], tonumber(ARGV[i + 5]), tonumber(ARGV[i + 6]),
      ARGV[i + 7], tonumber(ARGV[i + 8]))
    if ARGV[i + 1] == '' then redis.call('SET', ARGV[i], answer)
    else redis.call('SET', ARGV[i], answer, 'PX', ARGV[i + 1]) end
  end
else -- names
  for i = 5, #ARGV do redis.call('UNLINK', ARGV[i]) end
end
return {'ok'}
