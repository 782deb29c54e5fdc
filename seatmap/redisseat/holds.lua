-- ARGV: 3 user
local out, had = {'ok'}, has(ARGV[3])
for i = 9, #had, 8 do
  out[#out + 1] = hold('', load(text((unpack('>I8', had, i)))))
end
return out
