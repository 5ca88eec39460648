;; The plugin that does nothing: it describes itself and maps every document to itself.
(module
  (import "scimgate:mapping/documents@1.0.0" "[resource-drop]document" (func $drop (param i32)))
  (memory (export "memory") 2)
  ;; A bump allocator above the first page.
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  ;; The manifest's four pairs of pointer and length, at 1024.
  (data (i32.const 1024) "\a0\04\00\00\05\00\00\00\a8\04\00\00\05\00\00\00\b8\04\00\00\02\00\00\00\b0\04\00\00\02\00\00\00")
  (data (i32.const 1184) "empty")
  (data (i32.const 1192) "0.1.0")
  (data (i32.const 1200) "{}")
  (data (i32.const 1208) "\c8\04\00\00\04\00\00\00\cc\04\00\00\05\00\00\00")
  (data (i32.const 1224) "User")
  (data (i32.const 1228) "Group")
  (func (export "describe") (result i32) (i32.const 1024))
  ;; The result at 2048 is zero: mapped. The borrowed document, parameter 10, must be dropped.
  (func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $drop (local.get 10))
    (i32.const 2048)))
