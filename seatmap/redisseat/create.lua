-- ARGV: 1 '', 2 print, 3 life, 4 layout, 5 seats in their states, 6 how many, 7 available, 8
-- to 10 limits, 11 length of the stream
local again = repeated()
if again then return again end
if life then return {'exists'} end
redis.call('HSET', E, 'version', '1', 'life', ARGV[3], 'rev', text(now), 'free', ARGV[7], 'held', '0', 'count', ARGV[6],
  'closed', text(tonumber(ARGV[6]) - tonumber(ARGV[7])), 'seats', ARGV[8], 'holds', ARGV[9],
  'lifetime', ARGV[10], 'ring', ARGV[11], 'key', A ~= E and A or '')
redis.call('SET', ofLife('l', ARGV[3]), ARGV[4])
if #ARGV[5] > 0 then redis.call('SET', S, ARGV[5]) end
remember(receipt, 0)
return {'ok'}
