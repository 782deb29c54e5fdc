local n = #part / 4
local b = {fence = math.max(rev + 1, now), user = r.user, at = now, untl = 0, seats = part,
  key = A ~= E and A or '', changed = 0}
held = held - n
local detach = taking()
detach(r, part)
set(part, 'B', b.fence)
save(b)
remember(b)
changed('Booked', b, part, 0, r.fence)
return hold('ok', b)
