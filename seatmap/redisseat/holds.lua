-- ARGV: 3 user
local out = {'ok'}
local raw = redis.call('HGET', U, ARGV[3])
if raw then
  for _, fence in ipairs(cmsgpack.unpack(raw).holds) do
    out[#out + 1] = hold('', load(text(fence)))
  end
end
return out
