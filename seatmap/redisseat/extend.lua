-- ARGV: 8 time in microseconds
local untl = now + asked
if lifetime > 0 and untl > r.at + lifetime then return {'lifetime'} end
if untl > r.untl then
  r.untl, r.changed = untl, math.max(rev + 1, now)
  save(r)
  call('ZADD', D, text(untl), text(r.fence))
  changed('Extended', r, r.seats, untl)
end
remember(r, true)
return hold('ok', r)
