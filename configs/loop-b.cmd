# The end B of the loop: configs/loop-b.yaml, loop-a.cmd in the mirror.
add sa --zone access --local 10.0.0.2 --peer 10.0.0.1 --integrity hmac-sha-1-96 --key 000102030405060708090a0b0c0d0e0f10111213 --cipher aes-cbc --cipher-key 202122232425262728292a2b2c2d2e2f --in 5063:6001:0x10000002 --out 6000:5063:0x10000001 --registration 1
start
wait link up within 60000

generate all count 1
wait until esp_rx >= 1

generate all size 512 count 10000 rate 20000
wait idle
wait until esp_rx >= 10001
show stats
show sa all

# A ends half a second after it has this one. Until then forwarding is to be stopped, and this end
# is to last a little longer: net_memif takes down what a lost peer leaves in a thread of its own.
generate all count 1
wait idle
stop
wait link down
wait 500 ms
quit
