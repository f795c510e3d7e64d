-- luacheck: what `make lint` checks in all Lua files.
std = "lua54"
max_line_length = 80
ignore = {
  "581", -- not (a <= b): meant so where a may be NaN
}
