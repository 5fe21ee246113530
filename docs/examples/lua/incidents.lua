-- Prints a line for each incident as it is decided, and at the end how many requests each server lost.
--
--   tshark -2 -q -r CAPTURE -X lua_script:incidents.lua
--
-- With -2 each incident comes once, and sealed. Without it, as in a live capture, it comes as soon as a frame decides it, and
-- comes again where a later frame decides it anew.

local frame_number = Field.new("frame.number")
local tcp_stream = Field.new("tcp.stream")
local cause = Field.new("tcpwhy.cause")
local impact = Field.new("tcpwhy.impact")
local client = Field.new("tcpwhy.client")
local server = Field.new("tcpwhy.server")
local deciding_frame = Field.new("tcpwhy.deciding_frame")

-- A second argument would be a display filter: Listener.new("tcpwhy", "tcpwhy.severity >= 2").
local incidents = Listener.new("tcpwhy")
local lost_by = {} -- the server that lost a request, by stream and cause: the last word counts

function incidents.packet()
  local this = frame_number().value
  local stream = tostring(tcp_stream())
  -- A stream can have several findings. The fields of one share an index; those that another frame decides come with it.
  local causes, impacts, clients, servers = { cause() }, { impact() }, { client() }, { server() }
  for i, frame in ipairs({ deciding_frame() }) do
    if frame.value == this then
      local why, cost, whose = tostring(causes[i]), tostring(impacts[i]), tostring(servers[i])
      print(string.format("frame %d: %s, %s, %s -> %s", this, why, cost, tostring(clients[i]), whose))
      lost_by[stream .. " " .. why] = cost == "request_lost" and whose or nil
    end
  end
end

function incidents.draw()
  local counts, servers = {}, {}
  for _, whose in pairs(lost_by) do
    if not counts[whose] then table.insert(servers, whose) end
    counts[whose] = (counts[whose] or 0) + 1
  end
  table.sort(servers)
  for _, whose in ipairs(servers) do print(string.format("requests lost by %s: %d", whose, counts[whose])) end
end

-- Wireshark reads the capture once more: begin again.
function incidents.reset()
  lost_by = {}
end
