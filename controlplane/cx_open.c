#include "controlplane/cx_open.h"

#include "configs/config.h"
#include "controlplane/cx_diameter.h"
#include "controlplane/cx_direct.h"
#include "controlplane/cx_local.h"
#include "controlplane/hss.h"

struct cx *cx_open(struct loop *loop, const struct config *config)
{
	if (hss_here() != NULL)
		return cx_direct_new();
	if (config->cx != NULL && config->cx->transport == CONFIG_CX_DIAMETER)
		return cx_diameter_client_new();
	return cx_local_client_new(loop, config->controlplane->cx_socket);
}
