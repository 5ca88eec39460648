;; `describe` returns the manifest in `manifest` (pointer and length of name, version, resource types and schema), or
;; whatever is at address `at`.
(data (i32.const 1024) "{manifest}")
(data (i32.const 1184) "wat")
(data (i32.const 1188) "1")
(data (i32.const 1192) "\ff\fe")
(data (i32.const 1196) "{}")
(data (i32.const 1200) "User")
(data (i32.const 1208) "\b0\04\00\00\04\00\00\00")
(func (export "describe") (result i32) (i32.const {at}))
