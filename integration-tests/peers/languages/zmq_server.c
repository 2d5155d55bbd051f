/* A server on REP: answer each message with itself. */
#include <stdio.h>
#include <zmq.h>

int main(int count, char **arguments) {
    if (count != 2) return 2;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REP);
    if (zmq_bind(socket, arguments[1])) return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, socket, 0) < 0) return 1;
        if (zmq_msg_send(&message, socket, 0) < 0) return 1;
    }
}
