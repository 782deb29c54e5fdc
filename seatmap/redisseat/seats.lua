-- ARGV: 3 first index, 4 how many
local from, n = tonumber(ARGV[3]), tonumber(ARGV[4])
local cells = ''
if n > 0 then cells = call('GETRANGE', S, from * 9, (from + n) * 9 - 1) end
local out, seen = {'ok', life, text(rev), text(now), cells}, {}
for i = 1, #cells, 9 do
  local state = sub(cells, i, i)
  if state == 'h' or state == 'B' then
    local fence = text((unpack('>I8', cells, i + 1)))
    if not seen[fence] then
      seen[fence] = true
      out[#out + 1] = hold('', load(fence))
    end
  end
end
return out
