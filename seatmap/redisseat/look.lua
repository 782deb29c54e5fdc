-- look returns the key's answer, or else the event's revision and room.
local again = repeated()
if again then return again end
return {'ok', life, text(rev), text(free), text(count), text(now), call('GET', S)}
