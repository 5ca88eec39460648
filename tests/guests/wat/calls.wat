;; Makes the host call in `call`.
(data (i32.const 16) "\ff\fe\ed\a0\80")
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  {call}
  (call $drop (local.get 10))
  (i32.const 2048))
