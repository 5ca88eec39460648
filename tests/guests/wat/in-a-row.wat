;; Calls the host again and again in one straight line, without a loop or a call in which the engine could look. The
;; test's calls must answer with a number: for a text or a list the host calls the plugin's allocator.
(data (i32.const 16) "nickName")
(func (export "transform") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  {calls}
  (call $drop (local.get 10))
  (i32.const 2048))
