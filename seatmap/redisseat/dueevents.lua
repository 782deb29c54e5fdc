-- KEYS: 1 index of a bucket. ARGV: 1 how many events to leave out, 2 of how many to answer
-- with the names, of those of which a hold may be due.
local t = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', t[1] * 1000000 + t[2]), 'LIMIT', ARGV[1], ARGV[2])
