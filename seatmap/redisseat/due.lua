local _, vacate = taking()
for i = 1, math.min(#due, 100) do
  local r = load(due[i])
  if r then
    vacate(r, r.seats, 'Expired')
    ended = ended + 1
  else
    call('ZREM', D, due[i])
  end
end
if #due > 100 then return {'more', text(ended)} end
