;; Calls the host again and again in one straight line, without a loop or a call in which the engine could look.
(data (i32.const 16) "userName")
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  {calls}
  (call $drop (local.get 10))
  (i32.const 2048))
