;; Uses handles that are not, or no longer, its own; what the test puts here.
(data (i32.const 16) "userName")
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  {deeds}
  (i32.const 2048))
