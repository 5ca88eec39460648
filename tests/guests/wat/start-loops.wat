;; Loops as soon as it is started.
(func $start (loop $again (br $again)))
(start $start)
