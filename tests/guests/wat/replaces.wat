;; Replaces the document with `json`, `length` bytes long, and ignores the result.
(data (i32.const 4096) "{json}")
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $replace (local.get 10) (i32.const 4096) (i32.const {length}) (i32.const 32))
  (call $drop (local.get 10))
  (i32.const 2048))
