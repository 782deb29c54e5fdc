local n = #part / 4
local b = {fence = math.max(rev + 1, now), user = r.user, at = now, untl = 0, seats = part, key = A ~= E and A or ''}
held = held - n
detach(r, part)
set(part, 'B', b.fence)
save(b)
remember(b, 0)
changed('Booked', b, part, 0, r.fence)
return hold('ok', b)
