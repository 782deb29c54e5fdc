-- ARGV: 3 first byte, 4 how many. Beside the layout, the answer has what tokens of an
-- event that was imported were made with.
local from, blob = tonumber(ARGV[3]), ofLife('l', life)
return {'ok', life, text(call('STRLEN', blob)), call('GETRANGE', blob, from, from + ARGV[4] - 1), call('HGET', E, 'former') or ''}
