-- What is below knows how frames are built, and nothing about single messages: those are in SCHEMA, above.

local INT64_NULL = Int64.new(0, 0x80000000)
local ENUM_NULL = -128
local ALIGNMENT_SLACK = 7 -- bytes that may follow the content of a frame, and zero bytes in front of one
local LENGTH_KNOWN = 4 -- so many bytes of a frame tell its length
local ID_KNOWN = 6 -- so many tell its message
local FIXED_EXPONENT = -9

local breakwire = Proto("breakwire", "Breakwire order entry")

breakwire.prefs.ports = Pref.range("TCP ports", SCHEMA.ports, "Ports on which a gateway listens", 65535)

-- Fields

local fields = {} -- by what stands behind "breakwire." in a display filter
local registered = {}

local INTEGERS = {
  int8 = ProtoField.int8, uint8 = ProtoField.uint8, uint16 = ProtoField.uint16, int32 = ProtoField.int32,
  uint32 = ProtoField.uint32, int64 = ProtoField.int64, uint64 = ProtoField.uint64,
}

local function register(filter, protofield)
  fields[filter] = protofield
  registered[#registered + 1] = protofield
end

local function register_set(filter, name, kind, choices)
  register(filter, INTEGERS[kind]("breakwire." .. filter, name, base.HEX))
  local width = kind == "uint8" and 8 or 16
  for _, choice in ipairs(choices) do
    local bit = filter .. "." .. choice.name
    register(bit, ProtoField.bool("breakwire." .. bit, choice.name, width, nil, choice.mask))
  end
end

for _, field in ipairs(SCHEMA.fields) do
  local filter = "breakwire." .. field.filter
  if field.set then
    register_set(field.filter, field.name, field.kind, SCHEMA.sets[field.set])
  elseif field.kind == "time" then
    register(field.filter, ProtoField.absolute_time(filter, field.name, base.UTC))
  elseif field.kind == "price9" or field.kind == "decimal72" or field.kind == "double" then
    register(field.filter, ProtoField.double(filter, field.name))
  elseif field.kind == "char" or field.kind == "text" or field.kind == "secret" then
    register(field.filter, ProtoField.string(filter, field.name))
  elseif field.kind == "bytes" then
    register(field.filter, ProtoField.bytes(filter, field.name))
  else
    local names = field.enum and SCHEMA.enums[field.enum]
    register(field.filter, INTEGERS[field.kind](filter, field.name, base.DEC, names))
  end
end

register("bad", ProtoField.bytes("breakwire.bad", "bad bytes"))
breakwire.fields = registered

local malformed = ProtoExpert.new(
  "breakwire.malformed", "Not a sound frame", expert.group.MALFORMED, expert.severity.ERROR)
local undefined_value = ProtoExpert.new(
  "breakwire.undefined_value", "A value that the schema does not have", expert.group.PROTOCOL, expert.severity.WARN)
breakwire.experts = {malformed, undefined_value}

-- Values

-- mantissa x 10^exponent exactly, without zeros at the end of its fraction.
local function decimal_text(mantissa, exponent)
  local digits = tostring(mantissa)
  if digits == "0" then return digits end
  local sign = ""
  if digits:sub(1, 1) == "-" then sign, digits = "-", digits:sub(2) end
  if exponent >= 0 then return sign .. digits .. string.rep("0", exponent) end
  digits = string.rep("0", 1 - exponent - #digits) .. digits
  local fraction = digits:sub(exponent):gsub("0+$", "")
  local whole = digits:sub(1, exponent - 1)
  return sign .. whole .. (fraction == "" and "" or "." .. fraction)
end

local function add_null(tree, field, range)
  tree:add(range, field.name .. ": null")
end

local function add_decimal(tree, field, range)
  local mantissa = range:range(0, 8):le_int64()
  if mantissa == INT64_NULL then return add_null(tree, field, range) end
  local exponent = field.kind == "price9" and FIXED_EXPONENT or range:range(8, 1):int()
  local text = decimal_text(mantissa, exponent)
  tree:add(fields[field.filter], range, tonumber(text), field.name .. ": " .. text)
end

local function add_time(tree, field, range)
  local time = range:le_int64()
  if time == INT64_NULL then return add_null(tree, field, range) end
  local nanoseconds = time % 1000000000
  if nanoseconds < Int64(0) then nanoseconds = nanoseconds + 1000000000 end
  local seconds = (time - nanoseconds) / 1000000000
  tree:add(fields[field.filter], range, NSTime.new(seconds:tonumber(), nanoseconds:tonumber()))
end

local function add_set(tree, field, range)
  local value = range:le_uint()
  local known, names = 0, {}
  local item = tree:add_le(fields[field.filter], range)
  for _, choice in ipairs(SCHEMA.sets[field.set]) do
    item:add_le(fields[field.filter .. "." .. choice.name], range)
    known = known + choice.mask
    if math.floor(value / choice.mask) % 2 == 1 then
      names[#names + 1] = choice.label
      value = value - choice.mask
    end
  end
  if value ~= 0 then
    names[#names + 1] = tostring(value)
    item:add_proto_expert_info(undefined_value)
  end
  item:set_text(field.name .. ": " .. (#names > 0 and table.concat(names, "|") or "none"))
end

local function add_integer(tree, field, range)
  local item = tree:add_le(fields[field.filter], range)
  local value = field.size == 1 and field.kind == "int8" and range:int() or nil
  if value == nil then return end
  if field.optional and value == ENUM_NULL then
    item:set_text(field.name .. ": null")
  elseif field.days and value > 0 then
    item:set_text(field.name .. ": " .. value .. "_DAYS")
  elseif field.enum then
    local name = SCHEMA.enums[field.enum][value]
    item:set_text(field.name .. ": " .. (name or value))
    if name == nil then item:add_proto_expert_info(undefined_value) end
  end
end

local function add_field(tree, field, range)
  if field.kind == "price9" or field.kind == "decimal72" then
    add_decimal(tree, field, range)
  elseif field.kind == "time" then
    add_time(tree, field, range)
  elseif field.kind == "secret" then
    tree:add(fields[field.filter], range, "***")
  elseif field.kind == "char" then
    tree:add(fields[field.filter], range, (range:string():gsub("\0+$", "")))
  elseif field.set then
    add_set(tree, field, range)
  elseif field.kind == "int64" and field.optional and range:le_int64() == INT64_NULL then
    add_null(tree, field, range)
  elseif field.kind ~= "padding" then
    add_integer(tree, field, range)
  end
end

-- Frames

local dissect_frame

-- Fields beyond `present` bytes are newer than the frame.
local function add_block(tree, block, range, present)
  for _, field in ipairs(block) do
    if field.offset + field.size <= present then
      add_field(tree, field, range:range(field.offset, field.size))
    end
  end
end

-- Bytes of the root block: a client's may have any length it ever had, a server's goes by its version.
local function root_length(message, length, version)
  local roots = message.roots
  local newest = roots[#roots][2]
  if message.from_client then return math.min(newest, length - SCHEMA.header_size), roots[1][2] end
  local wanted = roots[1][2]
  for _, root in ipairs(roots) do
    if root[1] <= version then wanted = root[2] end
  end
  return wanted, wanted
end

-- Where the group ends; nil when it does not fit.
local function add_group(tree, group, frame, at)
  if at + 4 > frame:len() then return nil end
  local block_length = frame:range(at, 2):le_uint()
  local count = frame:range(at + 2, 2):le_uint()
  local finish = at + 4 + block_length * count
  if block_length < group.block_length or finish > frame:len() then return nil end
  local subtree = tree:add(frame:range(at, finish - at), group.name .. ": " .. count)
  for position = 0, count - 1 do
    local range = frame:range(at + 4 + position * block_length, block_length)
    add_block(subtree:add(range, group.name .. "[" .. position .. "]"), group.fields, range, block_length)
  end
  return finish
end

local function add_data(tree, data, frame, at)
  if at + data.length_size > frame:len() then return nil end
  local size = frame:range(at, data.length_size):le_uint()
  local start = at + data.length_size
  if start + size > frame:len() then return nil end
  local content = size > 0 and frame:range(start, size) or frame:range(at, data.length_size)
  if data.kind == "text" then
    tree:add(fields[data.filter], content, size > 0 and content:string() or "")
  else
    local item = tree:add(fields[data.filter], content)
    item:set_text(data.name .. ": " .. size .. " bytes")
    if size >= SCHEMA.header_size then dissect_frame(content, item) end
  end
  return start + size
end

-- Behind the header: where the content ends; nil and what did not fit otherwise.
local function add_body(tree, message, frame)
  local version = frame:range(6, 2):le_uint()
  local present, least = root_length(message, frame:len(), version)
  if SCHEMA.header_size + least > frame:len() then return nil, "root block" end
  if present > 0 then add_block(tree, message.fields, frame:range(SCHEMA.header_size, present), present) end
  local at = SCHEMA.header_size + present
  for _, group in ipairs(message.groups) do
    at = add_group(tree, group, frame, at)
    if at == nil then return nil, group.name end
  end
  for _, data in ipairs(message.data) do
    at = add_data(tree, data, frame, at)
    if at == nil then return nil, data.name end
  end
  if frame:len() - at > ALIGNMENT_SLACK then return nil, "more than is known" end
  return at
end

-- One frame, whose length is that of its range. Returns how it is called in the list of packets.
dissect_frame = function(frame, tree)
  local template_id = frame:range(4, 2):le_uint()
  local message = SCHEMA.messages[template_id]
  local name = message and message.name or ("message " .. template_id)
  local subtree = tree:add(breakwire, frame, "Breakwire order entry: " .. name)
  local header = subtree:add(frame:range(0, SCHEMA.header_size), "header")
  add_block(header, SCHEMA.header, frame, SCHEMA.header_size)
  local label = name .. " #" .. tostring(frame:range(8, 8):le_int64())
  if message == nil then
    subtree:add_proto_expert_info(malformed, "No message has the id " .. template_id)
    return label .. " [malformed]"
  end
  local finish, unfit = add_body(subtree, message, frame)
  if finish == nil then
    subtree:add_proto_expert_info(malformed, "Does not fit: " .. unfit)
    return label .. " [malformed]"
  end
  if finish < frame:len() then
    subtree:add(frame:range(finish, frame:len() - finish), "padding: " .. frame:len() - finish .. " bytes")
  end
  return label
end

-- Streams

-- The length of the frame that seems to begin at `at`, 0 while that is not known, nil when none does.
local function frame_length(tvb, at)
  if tvb:range(at, 1):uint() ~= SCHEMA.protocol_id then return nil end
  if at + LENGTH_KNOWN > tvb:len() then return 0 end
  local length = tvb:range(at + 2, 2):le_uint()
  return length >= SCHEMA.header_size and length or nil
end

local function is_known(tvb, at)
  if at + ID_KNOWN > tvb:len() then return false end
  local length = frame_length(tvb, at)
  return length ~= nil and length > 0 and SCHEMA.messages[tvb:range(at + 4, 2):le_uint()] ~= nil
end

-- Where the next frame may begin, from `at` on; the end of the bytes when there is no such place.
local function next_frame(tvb, at)
  while at < tvb:len() and not is_known(tvb, at) do at = at + 1 end
  return at
end

local function skip_zeros(tvb, at)
  local start = at
  while at < tvb:len() and at - start < ALIGNMENT_SLACK and tvb:range(at, 1):uint() == 0 do at = at + 1 end
  return at
end

local function want_more(pinfo, at, bytes)
  pinfo.desegment_offset = at
  pinfo.desegment_len = bytes
end

-- A packet may end one frame, put together with the packets before it, and begin others: two calls, one line.
local function tell(pinfo, text)
  if text == "" then return end
  local before = pinfo.private["breakwire"]
  text = before and (before .. ", " .. text) or text
  pinfo.private["breakwire"] = text
  pinfo.cols.info:clear_fence()
  pinfo.cols.info = text
end

function breakwire.dissector(tvb, pinfo, tree)
  pinfo.cols.protocol = "BREAKWIRE"
  local labels = {}
  local at = skip_zeros(tvb, 0)
  while at < tvb:len() do
    local length = frame_length(tvb, at)
    if length == nil then
      local finish = next_frame(tvb, at + 1)
      local item = tree:add(fields["bad"], tvb:range(at, finish - at))
      item:add_proto_expert_info(malformed)
      labels[#labels + 1] = "[" .. finish - at .. " bad bytes]"
      at = finish
    elseif length == 0 then
      want_more(pinfo, at, DESEGMENT_ONE_MORE_SEGMENT)
      break
    elseif at + length > tvb:len() then
      want_more(pinfo, at, at + length - tvb:len())
      break
    else
      labels[#labels + 1] = dissect_frame(tvb:range(at, length), tree)
      at = skip_zeros(tvb, at + length)
    end
  end
  tell(pinfo, table.concat(labels, ", "))
  return tvb:len()
end

local ports = DissectorTable.get("tcp.port")
local registered_ports = breakwire.prefs.ports
ports:add(registered_ports, breakwire)

function breakwire.prefs_changed()
  if registered_ports ~= breakwire.prefs.ports then
    if registered_ports ~= "" then ports:remove(registered_ports, breakwire) end
    registered_ports = breakwire.prefs.ports
    if registered_ports ~= "" then ports:add(registered_ports, breakwire) end
  end
end

-- On other ports: a connection is ours when a segment of it begins with a frame that we know.
breakwire:register_heuristic("tcp", function(tvb, pinfo, tree)
  if tvb:len() < ID_KNOWN or not is_known(tvb, 0) then return false end
  pinfo.conversation = breakwire
  breakwire.dissector(tvb, pinfo, tree)
  return true
end)
