{{/* What the gateway's pods and the migration's have in common. */}}

{{- define "scimgate.pod" -}}
automountServiceAccountToken: false
{{- /* Kubernetes would set SCIMGATE_PORT and SCIMGATE_INTERNAL_PORT to a Service's address, and they are settings. */}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.database.certificates.existingConfigMap }}
volumes:
  - name: database-certificates
    configMap:
      name: {{ . }}
{{- end }}
{{- end }}

{{- define "scimgate.container" -}}
image: {{ include "scimgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- if .Values.database.certificates.existingConfigMap }}
volumeMounts:
  - name: database-certificates
    mountPath: /etc/scimgate/certificates
    readOnly: true
{{- end }}
{{- end }}

{{- define "scimgate.environment" -}}
- name: SCIMGATE_LOG
  value: {{ .Values.log.filter | quote }}
- name: SCIMGATE_LOG_FORMAT
  value: {{ .Values.log.format }}
{{- if .Values.database.certificates.existingConfigMap }}
- name: SSL_CERT_FILE
  value: {{ printf "/etc/scimgate/certificates/%s" .Values.database.certificates.key | quote }}
{{- end }}
{{- end }}
