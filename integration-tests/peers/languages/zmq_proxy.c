/* libzmq's proxy, ROUTER to DEALER. */
#include <stdio.h>
#include <zmq.h>

int main(int count, char **arguments) {
    if (count != 3) return 2;
    void *context = zmq_ctx_new(), *front = zmq_socket(context, ZMQ_ROUTER), *back = zmq_socket(context, ZMQ_DEALER);
    if (zmq_bind(front, arguments[1]) || zmq_bind(back, arguments[2])) return 1;
    puts("ready");
    fflush(stdout);
    return zmq_proxy(front, back, NULL);
}
