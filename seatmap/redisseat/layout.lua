-- ARGV: 3 first byte, 4 how many
local from, blob = tonumber(ARGV[3]), ofLife('l', life)
return {'ok', life, text(redis.call('STRLEN', blob)), redis.call('GETRANGE', blob, from, from + ARGV[4] - 1)}
