;; A component that wants to read files.
(component
  (import "wasi:filesystem/preopens@0.2.0" (instance (export "get" (func)))))
