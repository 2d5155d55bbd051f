-- For wrk: POST a message of so many bytes (the first argument), and tell the figures as JSON. With a second
-- argument, stop after so many answers; with a third, use each connection for one request.
function init(args)
   wrk.method = "POST"
   wrk.body = string.rep("x", tonumber(args[1]))
   wrk.headers["Content-Type"] = "text/plain; charset=utf-8"
   if args[3] then
      wrk.headers["Connection"] = "close"
   end
   if args[2] then
      local left = tonumber(args[2])
      function response()
         left = left - 1
         if left == 0 then
            wrk.thread:stop()
         end
      end
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format('\n{"us": %d, "requests": %d, "refused": %d, "broken": %d}\n',
      summary.duration, summary.requests, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
