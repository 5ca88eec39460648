;; A component that imports file access.
(component
  (import "wasi:filesystem/preopens@0.2.0" (instance (export "get" (func)))))
