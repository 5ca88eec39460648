;; A component of two modules with a memory each.
(component
  (core module $one (memory 1))
  (core module $two (memory 1))
  (core instance (instantiate $one))
  (core instance (instantiate $two)))
