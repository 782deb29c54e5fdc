-- KEYS: 1 event (hash), 2 seats (string), 3 records (hash of fence), 4 deadlines (sorted
-- set), 5 users (hash), 6 answer of the request's key, or that of the event if it has none.
-- The names of its stream and layout have the event's life in them.
-- ARGV: 1 life that the client knows, or '' for any, 2 print of the request, then the
-- method's own. A list of seats has 4 bytes for each.
--
-- What takes time here is to make functions, tables and texts of numbers, so there are few.
-- A script makes its functions anew in each call. So it has only those of functions.lua that
-- it names, and block.lua has none.
local E, S, R, D, U, A = unpack(KEYS)
local keyMemory = '600000'
local call, sub, format = redis.call, string.sub, string.format
local pack, unpack = struct.pack, struct.unpack
local t = call('TIME')
local now = t[1] * 1000000 + t[2]
local nowText = #t[2] == 6 and t[1] .. t[2] or format('%d', now)
-- The event has its version, its life, the name of its stream, what else does not change, and
-- what does.
local meta = call('HMGET', E, 'version', 'life', 'fixed', 'state', 'stream')
local life, stream = meta[2], meta[5]
local count, mostSeats, mostHolds, lifetime, ring
if meta[3] then count, mostSeats, mostHolds, lifetime, ring = unpack('>I8I8I8I8I8', meta[3]) end
-- The bucket has an index, a sorted set of its events that have holds, for Sweep. An event's
-- entry is its score there: a time at which, or before which, the first of its holds ends. So a
-- new hold that ends later costs nothing. It is 0 if the event is not in the index, and if the
-- version before, which had no index, has written the state.
local rev, free, held, entry
if meta[4] and #meta[4] == 32 then rev, free, held, entry = unpack('>I8I8I8I8', meta[4])
elseif meta[4] then rev, free, held = unpack('>I8I8I8', meta[4]); entry = 0 end
