-- What methods with a token begin with. ARGV: 3 fence, or '' if the token is not valid, 4
-- user or '', 5 state, 6 seats, 7 'part' if the seats are named
local again = repeated()
if again then return again end
local asked = tonumber(ARGV[8] or '') -- of Extend
if asked and lifetime > 0 and asked > lifetime then return {'lifetime'} end
if ARGV[3] == '' then return {'token'} end
local r = load(ARGV[3])
if not r then return {'expired'} end
if (r.untl > 0 and 'h' or 'B') ~= ARGV[5] then return {'token'} end
if ARGV[4] ~= '' and ARGV[4] ~= r.user then return {'token'} end
local part = r.seats
if ARGV[7] == 'part' then
  part = ARGV[6]
  local mine = {}
  for p = 1, #r.seats, 4 do mine[sub(r.seats, p, p + 3)] = true end
  for p = 1, #part, 4 do
    if not mine[sub(part, p, p + 3)] then return {'uncovered', text((unpack('>I4', part, p)))} end
  end
end
