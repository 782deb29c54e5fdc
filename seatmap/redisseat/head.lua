-- What all methods about an event that exists begin with.
if not life then return {'unknown'} end
if meta[9] ~= '1' then return {'version', meta[9] or ''} end
if ARGV[1] ~= '' and ARGV[1] ~= life then return {'life', life} end
if sweep() then return {'more'} end
