#include <stdlib.h>
#include <unistd.h>

#include "server/command.h"
#include "server/start.h"

int srv_command_serve(char **arguments)
{
    static struct srv_config config;
    int status;

    if (*arguments)
        return SRV_EXIT_USAGE;
    if (!srv_config_read(&config, environ, stderr))
        return SRV_EXIT_FAILURE;
    status = srv_start(&config, NULL, NULL);
    /* What did not end in time may still read it. */
    if (status == EXIT_SUCCESS)
        srv_config_release(&config);
    return status;
}
