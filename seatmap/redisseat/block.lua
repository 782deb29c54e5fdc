-- ARGV: 3 user, 4 time in microseconds, 5 seats, 6 'all' to list all taken seats, 7 the
-- revision that the seats were chosen at, or ''
--
-- Most calls are this one. So it is written without functions: the code does what repeated,
-- set, save, owns, remember, index, changed and hold do.
if A ~= E then
  local raw = call('GET', A)
  if raw then
    local print, fence, user, at, untl, seats, mark = cmsgpack.unpack(raw)
    if print ~= ARGV[2] then return {'reused', print} end
    return {'again', fence, user, at, untl, seats, now, mark}
  end
end
local user, ttl, list = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local before = format('%d', rev)
if ARGV[7] ~= '' and ARGV[7] ~= before then return {'stale'} end
local taken, at
local why = 'taken'
for p = 1, #list, 4 do
  local i = unpack('>I4', list, p)
  at = format('%d', i * 9)
  local state = call('GETRANGE', S, at, at)
  if state ~= '.' then
    if state == 'x' then why = 'closed' end
    taken = taken or {}
    taken[#taken + 1] = format('%d', i)
    if ARGV[6] ~= 'all' then break end
  end
end
if taken then
  if free == 0 then return {'soldout'} end
  return {why, taken}
end
if lifetime > 0 and ttl > lifetime then return {'lifetime'} end
local n, had = #list / 4, call('HGET', U, user) or '\0\0\0\0\0\0\0\0'
local seats = unpack('>I8', had) + n
if mostSeats > 0 and seats > mostSeats then return {'limit'} end
if mostHolds > 0 and #had / 8 > mostHolds then return {'limit'} end
-- The fence is the revision, too.
local fence, fenceText, untl = now, nowText, now + ttl
if rev >= now then fence = rev + 1; fenceText = format('%d', fence) end
local untlText = format('%d', untl)
local word = pack('>c1I8', 'h', fence)
if n == 1 then call('SETRANGE', S, at, word)
else for p = 1, #list, 4 do call('SETRANGE', S, format('%d', unpack('>I4', list, p) * 9), word) end end
call('HSET', R, fenceText, cmsgpack.pack(fence, user, now, untl, list, A ~= E and A or '', 0))
call('ZADD', D, untlText, fenceText)
call('HSET', U, user, pack('>I8c0I8', seats, sub(had, 9), fence))
if A ~= E then call('SET', A, cmsgpack.pack(ARGV[2], fence, user, now, untl, list)) end
-- This is index, which is rarely needed: the holds of an event mostly end in their order.
if entry == 0 or untl < entry then
  local brace = string.find(E, '}', 1, true)
  local first = call('ZRANGEBYSCORE', D, '-inf', '+inf', 'WITHSCORES', 'LIMIT', '0', '1')[2]
  entry = 0
  if type(redis.pcall('ZADD', sub(E, 1, brace) .. 'due', first, sub(E, brace + 3))) == 'number' then entry = tonumber(first) end
end
call('HSET', E, 'state', pack('>I8I8I8I8', fence, free - n, held + n, entry))
call('XADD', stream, 'MAXLEN', '~', format('%d', ring), fenceText, 'p', before, 'k', 'Blocked',
  'u', user, 's', list, 'f', fenceText, 'a', nowText, 't', untlText, 'n', nowText, 'o', '0')
return {'ok', fenceText, user, nowText, untlText, list, nowText}
