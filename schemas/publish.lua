-- Store a board and publish what changed, or refuse.
-- KEYS: board hash, channel. ARGV: fence, prev ('' = whatever stands), version, snapshot frame,
-- message, time to live in seconds.
-- Returns 'ok', or who was right: 'fenced' (a newer owner has written) or 'moved' (another version
-- stands, so the patch does not fit).
local stands = redis.call('HMGET', KEYS[1], 'version', 'fence')
if stands[2] and tonumber(stands[2]) > tonumber(ARGV[1]) then
  return 'fenced'
end
if ARGV[2] ~= '' and (stands[1] or '0') ~= ARGV[2] then
  return 'moved'
end
redis.call('HSET', KEYS[1], 'version', ARGV[3], 'fence', ARGV[1], 'frame', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('SPUBLISH', KEYS[2], ARGV[5])
return 'ok'
