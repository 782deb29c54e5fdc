-- ARGV: 3 fences, 8 bytes each, 4 a revision. If one of the records has ended or changed
-- since then, the answer is 'stale'.
local out, at = {'ok'}, tonumber(ARGV[4])
for i = 1, #ARGV[3], 8 do
  local r = load(text((unpack('>I8', ARGV[3], i))))
  if not r or r.changed > at then return {'stale'} end
  out[#out + 1] = hold('', r)
end
return out
