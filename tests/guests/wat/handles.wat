;; Runs the instructions in `body`, which use foreign or dropped handles.
(data (i32.const 16) "userName")
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  {body}
  (i32.const 2048))
